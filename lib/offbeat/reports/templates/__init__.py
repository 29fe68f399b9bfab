"""Templates, styles and scripts of the pages; `page` renders them."""
