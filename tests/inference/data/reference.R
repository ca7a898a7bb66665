# What R's mice says of the completed tables beside this script.
#
#     Rscript reference.R
#
# Writes <table>.csv.gz, the completed tables below each other with their number in .imp, and
# reference.json, the pooled analyses and joint tests of two models each. Needs mice, mitml and
# jsonlite (r-cran-mice, r-cran-mitml, r-cran-jsonlite of Debian 12: mice 3.15.0, mitml 0.4.4).

suppressPackageStartupMessages(library(mice))

# Newton's method to the last digit, so that two programs can agree to ten. glm's covariance is that
# of the step before the last: a second fit starts where the first has ended.
tight <- glm.control(epsilon = 1e-15, maxit = 100)
logistic <- function(formula, data) {
  rough <- glm(formula, binomial, data, control = tight)
  start <- rough$linear.predictors
  eval(bquote(glm(.(formula), binomial, data, control = tight, etastart = .(start))))
}

nhanes2_tables <- mice(nhanes2, m = 5, maxit = 10, seed = 1, print = FALSE)

air <- airquality[c("Ozone", "Solar.R", "Wind", "Temp")]
names(air)[2] <- "Solar_R"
air_tables <- mice(air, m = 7, maxit = 10, seed = 2, print = FALSE)

# Testicular volume is rarely measured before the age of 8.
older <- boys[boys$age >= 8, c("age", "hgt", "bmi", "tv", "gen")]
older$gen <- factor(older$gen, ordered = FALSE)  # treatment contrasts, as statsmodels has them
boys_tables <- mice(older, m = 4, maxit = 10, seed = 3, print = FALSE)

# The models, the formulas of the smaller ones that they are compared with.
cases <- list(
  nhanes2 = list(
    tables = nhanes2_tables, high = function(data) as.integer(data$hyp == "yes"),
    linear = list(chl ~ age + bmi, chl ~ bmi),
    logistic = list(high ~ bmi + chl, high ~ bmi)
  ),
  airquality = list(
    tables = air_tables, high = function(data) as.integer(data$Ozone > 60),
    linear = list(Ozone ~ Solar_R + Wind + Temp, Ozone ~ Temp),
    logistic = list(high ~ Solar_R + Wind + Temp, high ~ Temp)
  ),
  boys = list(
    tables = boys_tables, high = function(data) as.integer(data$tv >= 15),
    linear = list(tv ~ age + hgt + bmi + gen, tv ~ age + hgt + bmi),
    logistic = list(high ~ age + hgt + bmi, high ~ age)
  )
)

pooled <- function(fits, ...) {
  found <- summary(pool(fits, ...), type = "all", conf.int = TRUE)
  found$term <- as.character(found$term)
  names(found)[names(found) == "2.5 %"] <- "conf.low"
  names(found)[names(found) == "97.5 %"] <- "conf.high"
  found
}

test <- function(found) {
  setNames(as.list(found$result), c("statistic", "df1", "df2", "p_value", "riv"))
}

large_sample <- function(fits, smaller) {
  both <- lapply(list(fits, smaller), as.mitml.result)
  list(result = mitml::testModels(both[[1]], both[[2]], method = "D1")$test)
}

reference <- function(tables, kind, formulas) {
  fit <- function(formula, data) {
    if (kind == "linear") eval(bquote(lm(.(formula), data))) else logistic(formula, data)
  }
  analyse <- function(formula) as.mira(lapply(tables, function(data) fit(formula, data)))
  fits <- analyse(formulas[[1]])
  smaller <- analyse(formulas[[2]])
  list(
    estimates = unname(t(sapply(getfit(fits), coef))),
    covariances = unname(lapply(unclass(getfit(fits)), function(fit) unname(vcov(fit)))),
    smaller_terms = names(coef(getfit(smaller, 1))),
    pool = pooled(fits),
    pool_large = pooled(fits, dfcom = Inf),
    pool_synthetic = pooled(fits, rule = "reiter2003"),
    tests = list(
      D1 = test(D1(fits, smaller)),
      # D1 of mice cannot be told that a table is large.
      D1_large = test(large_sample(fits, smaller)),
      D1_all = test(D1(fits)),
      D2_wald = test(D2(fits, smaller)),
      D2_likelihood = test(D2(fits, smaller, use = "likelihood")),
      D3 = test(D3(fits, smaller)),
      D3_all = test(D3(fits))
    )
  )
}

found <- lapply(c(mice = "mice", mitml = "mitml"), function(name) as.character(packageVersion(name)))
for (name in names(cases)) {
  case <- cases[[name]]
  tables <- lapply(complete(case$tables, "all"), function(data) cbind(data, high = case$high(data)))
  long <- do.call(rbind, lapply(seq_along(tables), function(i) cbind(.imp = i, tables[[i]])))
  path <- gzfile(paste0(name, ".csv.gz"), "w", compression = 9)
  write.csv(long, path, row.names = FALSE, quote = FALSE)
  close(path)
  for (kind in c("linear", "logistic")) {
    found[[name]][[kind]] <- reference(tables, kind, case[[kind]])
  }
}
json <- jsonlite::toJSON(found, digits = I(17), auto_unbox = TRUE, na = "null", pretty = 1)
writeLines(json, "reference.json")
