"""The plugins, each a reason to choose or refuse nodes; `scheduler.plugin_args` lists them."""
