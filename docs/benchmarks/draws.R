# Completed tables of R's mice, or of Amelia: Rscript draws.R TABLE.csv PREFIX N METHOD SEED
# Categories are kept as factors; methods of numbers name that of categories, too.

given <- commandArgs(TRUE)
data <- read.csv(given[1], check.names = FALSE, na.strings = "NA", stringsAsFactors = TRUE)
n <- as.integer(given[3])
method <- given[4]
columns <- names(data)
names(data) <- paste0("v", seq_along(data))  # formulas want syntactic names

if (method == "amelia") {
  suppressPackageStartupMessages(library(Amelia))
  set.seed(as.integer(given[5]))
  levels <- names(data)[vapply(data, is.factor, TRUE)]
  # A ridge of 1 % of the rows, as its manual advises where columns are nearly collinear.
  found <- amelia(data, m = n, noms = if (length(levels)) levels else NULL, p2s = 0,
    empri = 0.01 * nrow(data))
  tables <- found$imputations
} else {
  suppressPackageStartupMessages(library(mice))
  if (method %in% c("pmm", "norm")) method <- c(method, "logreg", "polyreg", "polr")
  found <- mice(data, m = n, maxit = 5, method = if (length(method) > 1) NULL else method,
    defaultMethod = if (length(method) > 1) method else c("pmm", "logreg", "polyreg", "polr"),
    seed = as.integer(given[5]), printFlag = FALSE)
  tables <- lapply(seq_len(n), function(i) complete(found, i))
}
for (i in seq_len(n)) {
  table <- tables[[i]]
  names(table) <- columns
  write.csv(table, paste0(given[2], i, ".csv"), row.names = FALSE)
}
