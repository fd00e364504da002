"""From whatever x and y are (arrays, tensors, frames, HDF5, loaders, generators) to batches; split, class weights."""
