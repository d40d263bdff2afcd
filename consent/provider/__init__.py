"""The OpenID Connect provider of a tenant; the one door to Authlib."""
