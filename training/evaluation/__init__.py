"""Answers to be scored and what they are worth."""
