"""The address for other systems, modelled on Open311 GeoReport v2: services, requests, tokens; XML and JSON."""
