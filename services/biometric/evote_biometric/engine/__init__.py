"""The models: pictures in, readings out. Runs in processes of its own."""
