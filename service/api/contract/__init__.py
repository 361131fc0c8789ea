"""What `/openapi.json` says, as data: shapes and operations first, then one module per area, then what subscribers receive."""
