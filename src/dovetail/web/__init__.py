"""The ASGI kit: what every piece needs to answer over HTTP and to show pages.

Problem details, API tokens and roles, health and metrics, the page shell with its tokens and
elements, in-process transport and the server itself. It knows no piece; `dovetail.web.piece`
says what a piece is.
"""
