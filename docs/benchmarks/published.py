"""Figures of the paper (arXiv 2307.00467): mean and sd of five trials.

They are context, not a comparison: the published table mixes scales, and its code trains on
complete rows.
"""

_TABLES = ["census", "breast", "wine", "concrete", "libras", "diabetes"]
_RMSE = {
    "Mean/Mode": ".120(.003) .263(.009) .076(.003) .217(.007) .099(.001) .222(.003)",
    "MICE(linear)": ".101(.002) .154(.011) .065(.003) .153(.006) .034(.001) .263(.002)",
    "MissForest": ".112(.004) .163(.014) .060(.002) .173(.005) .024(.001) .216(.003)",
    "GAIN": ".123(.057) .165(.006) .072(.004) .203(.007) .089(.006) .202(.003)",
    "MIWAE": ".113(.042) .187(.079) .074(.005) .195(.006) .083(.003) .194(.081)",
    "CSDI_T": ".099(.003) .153(.003) .065(.004) .131(.008) .011(.001) .197(.001)",
    "MissDiff": ".089(.006) .136(.002) .053(.001) .161(.001) .079(.002) .051(.004)",
}
IMPUTATION_RMSE = {
    method: {
        table: f"0{figure.replace('(.', ' (0.')}"
        for table, figure in zip(_TABLES, line.split(), strict=True)
    }
    for method, line in _RMSE.items()
}
# RMSE of a length of stay from generated rows of a table that needs credentials.
UTILITY_RMSE = {
    "Diff-mean": {"row": "2.166", "column": "2.011", "independent": "2.483"},
    "STaSy-mean": {"row": "1.894", "column": "1.935", "independent": "1.972"},
    "CSDI_T": {"row": "1.853", "column": "1.874", "independent": "1.879"},
    "MissDiff": {"row": "1.826", "column": "1.834", "independent": "1.852"},
}
