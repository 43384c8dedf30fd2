// What the dashboard's JSON has to be, in the types that Grafana itself publishes (@grafana/schema). They name enumerations,
// which JSON cannot have: `AsJson` puts their values in place. Only types are here: tsc is the judge.
import type {
  DataQuery,
  DataSourceRef,
  FieldConfig,
  FieldConfigSource,
  Panel,
  Dashboard as WholeDashboard,
} from '@grafana/schema'
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen'
import type {
  FieldConfig as TimeSeriesFieldConfig,
  Options as TimeSeriesOptions,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen'

type AsJson<T> = T extends string
  ? `${T}`
  : T extends number
    ? `${T}` extends `${infer N extends number}`
      ? N
      : number
    : T extends readonly (infer E)[]
      ? readonly AsJson<E>[]
      : T extends object
        ? { readonly [K in keyof T]: AsJson<T[K]> }
        : T

/** Prometheus's plug-in has no types in that package; these are the fields of its query model that a dashboard needs. */
interface PrometheusQuery extends DataQuery {
  readonly expr: string
  readonly legendFormat?: string
  readonly instant?: boolean
  readonly range?: boolean
  readonly datasource: DataSourceRef
}

/** Grafana fills in what an imported dashboard leaves out of a panel's options. */
interface PanelOf<Type extends string, Options, Custom>
  extends Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> {
  readonly type: Type
  readonly id: number
  readonly title: string
  readonly options: Partial<Options>
  readonly targets: readonly PrometheusQuery[]
  readonly fieldConfig: Omit<FieldConfigSource, 'defaults'> & {
    readonly defaults: Omit<FieldConfig, 'custom'> & { readonly custom?: Custom }
  }
}

export type Dashboard = AsJson<
  Omit<WholeDashboard, 'panels'> & {
    readonly panels: readonly (
      | PanelOf<'stat', StatOptions, never>
      | PanelOf<'timeseries', TimeSeriesOptions, TimeSeriesFieldConfig>
    )[]
  }
>
