//! Stand-ins and the Envoy runner.
