//! The operations for JavaScript: the same apply and invert, called from a browser or from Node.
