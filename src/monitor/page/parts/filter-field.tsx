// A field in which words are written that rows have to have.

interface FilterFieldProps {
  readonly label: string
  readonly value: string
  readonly onValue: (value: string) => void
}

const LONGEST = 200

export function FilterField({ label, value, onValue }: FilterFieldProps) {
  return (
    <label class="filter">
      <span>Filter</span>
      <input
        type="search"
        placeholder={label}
        value={value}
        maxLength={LONGEST}
        autocomplete="off"
        spellcheck={false}
        onInput={event => onValue(event.currentTarget.value)}
      />
    </label>
  )
}
