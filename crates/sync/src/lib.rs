//! How replicas agree: wire types, the client's replica, the room. State machines, events in, effects out; pure.
