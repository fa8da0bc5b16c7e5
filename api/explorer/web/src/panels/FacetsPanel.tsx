export default function FacetsPanel(_: { data: unknown }) { return null; }
