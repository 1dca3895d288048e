"""Makes a served model repository of a folder of images, in one command.

Nothing is trained, measured or converted here. Each step is a command that also works alone; this
package says in which order they run, and which of them are done.
"""
