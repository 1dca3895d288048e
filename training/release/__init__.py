"""One command from a folder of images to a model repository that is served.

Nothing is trained, measured or converted here. Each step is a command that also works alone; this
package says in which order they run, and which of them are done.
"""
