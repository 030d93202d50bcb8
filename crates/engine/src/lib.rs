//! The operations of recurrent vision networks and the native CPU engine that runs them.
