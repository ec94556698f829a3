"""Results: records that strangers may have written, from reading them to signing them."""
