"""The study on real images: a part of NIH's ChestX-ray14, cross-validated by patient."""
