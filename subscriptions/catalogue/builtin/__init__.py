"""The catalogues that are shipped: AsyncAPI documents of the events of GreenLake, ACM and ONAP, switched on by name."""
