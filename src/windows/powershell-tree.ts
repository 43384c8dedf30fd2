// A script of PowerShell as far as powershell-syntax.ts reads the language.

export type Expression =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly number: number }
  /** A string with values in it. */
  | { readonly kind: 'joined'; readonly parts: readonly Expression[] }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'member'; readonly of: Expression; readonly name: string }
  | { readonly kind: 'array'; readonly entries: readonly Expression[] }
  | {
      readonly kind: 'hashtable'
      readonly entries: readonly { readonly key: string; readonly value: Expression; readonly line: number }[]
    }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline }

export type Argument =
  | { readonly kind: 'parameter'; readonly name: string; readonly line: number; readonly value?: Expression }
  | { readonly kind: 'value'; readonly value: Expression; readonly line: number }
  | { readonly kind: 'splat'; readonly name: string; readonly line: number }

export type Element =
  | { readonly kind: 'command'; readonly name: string; readonly arguments: readonly Argument[]; readonly line: number }
  | { readonly kind: 'expression'; readonly value: Expression; readonly line: number }

export type Pipeline = readonly Element[]

export interface Statement {
  readonly line: number
  /** The variable that takes what comes out. */
  readonly variable?: string
  readonly pipeline: Pipeline
}
