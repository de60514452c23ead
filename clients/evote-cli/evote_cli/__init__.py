"""The program of election officers and trustees."""
