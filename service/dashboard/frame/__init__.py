"""What every page stands in: routes to handlers, visitors, rendering, forms, the live stream and the palette."""
