# The row of R's mice in the example of inference_example.py: writes results/inference_mice.csv.
#
#     Rscript docs/benchmarks/inference_example.R

suppressPackageStartupMessages(library(mice))

tables <- complete(mice(nhanes2, m = 20, maxit = 20, seed = 0, print = FALSE), "all")
fits <- as.mira(lapply(tables, function(data) lm(chl ~ age + bmi, data)))
smaller <- as.mira(lapply(tables, function(data) lm(chl ~ bmi, data)))
found <- summary(pool(fits), type = "all", conf.int = TRUE)
test <- D1(fits, smaller)$result
out <- data.frame(
  term = c(as.character(found$term), "D1"),
  estimate = c(found$estimate, test[1]),
  df = c(found$df, test[3]),
  p_value = c(found$p.value, test[4]),
  conf_low = c(found[["2.5 %"]], NA),
  conf_high = c(found[["97.5 %"]], NA),
  fmi = c(found$fmi, NA)
)
write.csv(out, "docs/benchmarks/results/inference_mice.csv", row.names = FALSE, quote = FALSE, na = "")
