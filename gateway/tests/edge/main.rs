//! The edge over the wire: a real listener, real clients, and services that answer in memory.

mod activity;
mod client;
mod fake;
mod fake_activity;
mod fake_auth;
mod fleet;
mod limits;
mod manual;
mod rest;
mod rig;
mod sse;
mod web;
mod websocket;
