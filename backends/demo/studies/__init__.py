"""The built-in studies, one module each; `backends.demo.study` puts them into one world."""
