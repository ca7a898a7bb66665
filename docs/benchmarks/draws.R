# Completed tables of R's mice: Rscript draws.R TABLE.csv PREFIX N METHOD SEED
# Categories are kept as factors; methods of numbers name that of categories, too.

suppressPackageStartupMessages(library(mice))

given <- commandArgs(TRUE)
data <- read.csv(given[1], check.names = FALSE, na.strings = "NA", stringsAsFactors = TRUE)
n <- as.integer(given[3])
method <- given[4]
if (method %in% c("pmm", "norm")) method <- c(method, "logreg", "polyreg", "polr")
columns <- names(data)
names(data) <- paste0("v", seq_along(data))  # formulas want syntactic names
found <- mice(data, m = n, maxit = 5, method = if (length(method) > 1) NULL else method,
  defaultMethod = if (length(method) > 1) method else c("pmm", "logreg", "polyreg", "polr"),
  seed = as.integer(given[5]), printFlag = FALSE)
for (i in seq_len(n)) {
  table <- complete(found, i)
  names(table) <- columns
  write.csv(table, paste0(given[2], i, ".csv"), row.names = FALSE)
}
