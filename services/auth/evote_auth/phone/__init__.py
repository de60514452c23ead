"""The provider of マイナアプリ over HTTP: what is known of it, and in one module what is assumed."""
