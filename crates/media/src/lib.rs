//! Audio files: decode, encode, metadata, peaks.
