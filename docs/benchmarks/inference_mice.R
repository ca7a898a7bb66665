# Completes in.csv of a folder by R's mice, for inference.py: Rscript inference_mice.R FOLDER METHOD M SEED

suppressPackageStartupMessages(library(mice))

arguments <- commandArgs(trailingOnly = TRUE)
data <- read.csv(file.path(arguments[1], "in.csv"), stringsAsFactors = TRUE)
data[data == ""] <- NA
data <- droplevels(data)
imputed <- mice(
  data, method = arguments[2], m = as.integer(arguments[3]), maxit = 5,
  seed = as.integer(arguments[4]), printFlag = FALSE
)
write.csv(complete(imputed, "long"), file.path(arguments[1], "out.csv"), row.names = FALSE)
