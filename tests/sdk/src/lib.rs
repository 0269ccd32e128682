pub use matrix_sdk;
