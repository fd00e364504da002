"""Sources of batches for x and y of any kind (arrays, tensors, frames, HDF5, loaders, generators); class weights."""
