"""Complete a folder of Parquet files with Spark: ``python with_spark.py IN OUT MODEL.npz``."""

import sys

from pyspark.sql import SparkSession

from skmissdiff import MissDiffImputer


def main(source, target, model):
    complete = MissDiffImputer.load(model).for_partitions(key="row_id", draw=0, path=model)
    spark = SparkSession.builder.master("local[2]").getOrCreate()
    table = spark.read.parquet(source)
    table.mapInPandas(complete, table.schema).write.parquet(target)  # or mapInArrow
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
