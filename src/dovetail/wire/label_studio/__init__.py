"""Label Studio's formats and protocols: label configs, results, tasks, its REST API, ML backends.

One module a format, none loaded before somebody asks for it. What a format does not know is kept
word for word, so that an export that comes in can go back without loss.

Source: label-studio 1.23.2 and label-studio-sdk 2.1.2, their documentation and their answers.
"""

__all__: list[str] = []
