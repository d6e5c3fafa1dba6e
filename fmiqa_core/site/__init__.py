"""The gallery: figures, tables, notebooks and a layer explorer as a static site."""
