"""The HTTP side: routes, authorisation, problems, pages. Everything it knows it asks of ``flashpoint``."""
