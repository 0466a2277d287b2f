/**
 * @file diva.h
 * The whole public interface of DIVA, a dataset-derivative analyzer.
 */
#ifndef DIVA_DIVA_H
#define DIVA_DIVA_H

#include <diva/analysis.h>
#include <diva/bench.h>
#include <diva/check.h>
#include <diva/check_report.h>
#include <diva/convert.h>
#include <diva/curate.h>
#include <diva/dataset.h>
#include <diva/duplicates.h>
#include <diva/error.h>
#include <diva/extend.h>
#include <diva/manifest.h>
#include <diva/policy.h>
#include <diva/probabilities.h>
#include <diva/progress.h>
#include <diva/reweight.h>
#include <diva/row_table.h>
#include <diva/state.h>
#include <diva/suggest.h>
#include <diva/system.h>
#include <diva/target.h>
#include <diva/verify.h>
#include <diva/what_if.h>

#endif
