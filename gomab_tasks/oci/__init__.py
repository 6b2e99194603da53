"""Make, keep and check images as the OCI image-spec describes them."""
