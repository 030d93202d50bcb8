//! Figures and the one-page report made of results; computes no science.
