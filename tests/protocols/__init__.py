"""The protocols as the npm clients speak them, on the toy and on the product."""
