// Thumbnails of all images in the answer; a click leads to the viewer. They are fetched with the
// viewer's own rights, a few at a time, as they come into view.
import { useEffect, useMemo, useRef, useState } from "react";
import { type Node, nodesOf, text } from "../answer";
import { ID, VIEWER } from "../enrichment";
import { credentials } from "../session";

interface Picture {
  id: string; // in OMERO
  name: string;
  viewer: string; // address, or none where no OMERO.web is configured
}

function picturesOf(data: unknown): Picture[] {
  const found = new Map<string, Picture>();
  for (const node of nodesOf(data, "Image") as Node[]) {
    const id = text(node[ID]);
    if (id && !found.has(id)) found.set(id, { id, name: text(node.name) || `image ${id}`, viewer: text(node[VIEWER]) });
  }
  return [...found.values()];
}

function Thumbnail({ picture }: { picture: Picture }) {
  const place = useRef<HTMLDivElement>(null);
  const [address, setAddress] = useState("");
  const [problem, setProblem] = useState("");
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const leaving = new AbortController();
    let made = "";
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      fetch(`/images/${encodeURIComponent(picture.id)}/thumbnail?size=144`, { headers: credentials(), signal: leaving.signal })
        .then(async (response) => {
          if (!response.ok) throw new Error(String(response.status));
          made = URL.createObjectURL(await response.blob());
          setAddress(made);
        })
        .catch((error: unknown) => {
          if (!leaving.signal.aborted) setProblem(error instanceof Error && /^\d+$/.test(error.message) ? `not shown (${error.message})` : "not shown");
        });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      leaving.abort();
      if (made) URL.revokeObjectURL(made);
    };
  }, [picture.id]);
  return (
    <div ref={place}>
      {address ? <img src={address} alt={picture.name} /> : <span className="blank">{problem || "…"}</span>}
      {picture.viewer ? <a href={picture.viewer} target="_blank" rel="noreferrer">{picture.name}</a> : <span>{picture.name}</span>}
    </div>
  );
}

export default function PicturesPanel({ data }: { data: unknown }) {
  const pictures = useMemo(() => picturesOf(data), [data]);
  if (pictures.length === 0) return <p>No image in this answer.</p>;
  return (
    <>
      <p>{pictures.length === 1 ? "1 image" : `${pictures.length} images`}{pictures.some(({ viewer }) => viewer) && "; a click opens one in OMERO's viewer"}.</p>
      <ul className="pictures">
        {pictures.map((picture) => (
          <li key={picture.id}><Thumbnail picture={picture} /></li>
        ))}
      </ul>
    </>
  );
}
