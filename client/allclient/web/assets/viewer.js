// The big picture: OpenSeadragon where it is installed, and the heat map over it.
import { base } from "./asked.js";

// From nothing to dark red; one colour, so that it reads for every kind of colour vision.
function painted(heatmap) {
  const canvas = document.createElement("canvas");
  const side = heatmap.length;
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(side, side);
  heatmap.flat().forEach((heat, index) => {
    pixels.data.set([220, 20 + 150 * (1 - heat), 0, 255 * heat], 4 * index);
  });
  context.putImageData(pixels, 0, 0);
  canvas.className = "heatmap";
  return canvas;
}

// OpenSeadragon would put a style of its own into the page, against the page's policy, unless it
// finds one; the rule stands in case.css.
const style = document.createElementNS("https://allclient.invalid/none", "style"); // does nothing
style.setAttribute("data-openseadragon-mobile-css", "true");
document.head.append(style);

// A box around each cell: [id, x, y, width, height, subtype], in shares of the picture.
function boxed(cells, chosen) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 1 1");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "boxes");
  for (const [id, x, y, width, height, subtype] of cells) {
    const rect = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ x, y, width, height })) rect.setAttribute(name, value);
    rect.setAttribute("class", id === chosen ? `${subtype} chosen` : subtype);
    svg.append(rect);
  }
  return svg;
}

const SVG = "http://www.w3.org/2000/svg";

export class Viewer {
  constructor(element) {
    this.canvas = null;
    this.svg = null;
    this.boxes = false;
    this.heat = false;
    this.strength = 0.5;
    this.viewer = window.OpenSeadragon({
      element,
      showNavigationControl: false,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
      maxZoomPixelRatio: 6,
      visibilityRatio: 0.5,
      animationTime: 0.4,
      drawer: "canvas",
    });
    this.viewer.addHandler("canvas-key", (event) => {
      event.preventDefaultAction = !/^Arrow/.test(event.originalEvent.key);
    });
    this.viewer.addHandler("open", () => this.overlay());
    this.problem = document.createElement("p");
    this.problem.textContent = "This picture cannot be shown.";
    this.problem.hidden = true;
    element.prepend(this.problem);
    this.viewer._showMessage = () => {}; // its inline style is against the page's policy
    for (const failure of ["open-failed", "tile-load-failed"]) {
      this.viewer.addHandler(failure, () => {
        this.problem.hidden = false;
        this.settle?.();
      });
    }
  }

  // Settles when the picture is drawn, or the reason why it is not.
  show(field, heatmap, cells, chosen) {
    this.heatmap = heatmap;
    this.cells = cells;
    this.chosen = chosen;
    this.problem.hidden = true;
    return new Promise((settle) => {
      this.settle = settle;
      this.url = `${base}/api/v1/fields/${field}/picture`;
      this.viewer.open({ type: "image", url: this.url });
    });
  }

  overlay() {
    const item = this.viewer.world.getItemAt(0);
    if (item?.source.url !== this.url) return; // another picture was asked for in the meantime
    this.viewer.clearOverlays();
    const place = item.getBounds();
    this.canvas = this.heatmap && painted(this.heatmap);
    if (this.canvas) this.viewer.addOverlay({ element: this.canvas, location: place });
    this.svg = boxed(this.cells, this.chosen);
    this.viewer.addOverlay({ element: this.svg, location: place });
    const cell = this.cells.find(([id]) => id === this.chosen);
    if (cell) this.jump(cell, place);
    this.paint();
    const { settle } = this;
    item.whenFullyLoaded(() => requestAnimationFrame(settle));
  }

  jump([, x, y, width, height], place) {
    const near = 3; // how much of the field around the cell is shown, in its own sizes
    const around = new window.OpenSeadragon.Rect(
      place.x + (x - near * width) * place.width,
      place.y + (y - near * height) * place.height,
      (1 + 2 * near) * width * place.width,
      (1 + 2 * near) * height * place.height,
    );
    this.viewer.viewport.fitBounds(around, true);
  }

  paint() {
    this.svg?.classList.toggle("off", !this.boxes);
    if (this.canvas) this.canvas.style.opacity = this.heat ? this.strength : 0;
  }

  zoom(factor) {
    this.viewer.viewport.zoomBy(factor).applyConstraints();
  }

  home() {
    this.viewer.viewport.goHome();
  }
}

// Without OpenSeadragon: the picture alone.
export class Plain {
  constructor(element) {
    this.element = element;
  }

  show(field) {
    this.element.src = `${base}/api/v1/fields/${field}/picture`;
    return this.element.decode().catch(() => {}); // a broken picture shows as one
  }

  paint() {}
  zoom() {}
  home() {}
}
