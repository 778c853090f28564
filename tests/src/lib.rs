//! What the end-to-end tests stand on: a provider simulator, the private world in which clients
//! reach it under the providers' real names, and real programs as clients.

pub mod alone;
pub mod connection;
pub mod containers;
pub mod fixture;
pub mod go_stress;
pub mod golang;
pub mod render;
pub mod runtimes;
pub mod simulator;

pub mod sandbox;

pub mod clients;
pub mod corpus;
pub mod matrix;

pub mod tracer;
pub mod wire;
