//! A seeded world for sync: clients, a network, a server, crashes. For tests only.
