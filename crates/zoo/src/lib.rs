//! Published recurrent networks, one file each.
