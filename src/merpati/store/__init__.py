"""What outlives the process: engines, schema, blobs, and one module per noun."""
