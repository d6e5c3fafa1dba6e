"""fmiqa's distances as other packages' metrics. A file imports its package, which is none of fmiqa's own needs."""
