#pragma once

// The legend of shape suffixes: a tensor named x_BTF has the dimensions B, T, F in this order.
//
//   B  batch            T  frames (time)      F  features of a frame
//   M  modalities       D  width of a layer   H  heads, or image height where a W follows
//   W  image width      K  width of a head    C  classes, or image channels where H and W follow
//   S  samples of a waveform                  N  anything counted (frames to write, tensors)
//
// Masks are bool tensors: true = real frame, present modality, known label. They are explicit: a zero is
// data.
