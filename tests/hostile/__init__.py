"""What nobody should send, sent to every route that the installed plugins declare: new ones are held to it, too."""
