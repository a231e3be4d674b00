"""SpatialMosaic builder."""
