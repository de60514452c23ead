"""Reading faces in processes of its own: a bounded queue in front of workers that are warm."""
