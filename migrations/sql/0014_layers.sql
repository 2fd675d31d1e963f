-- What GIS tools ask by: the days that a period names, and areas as they lie on tiles. Both are functions of what stands
-- in the row, so they can say no more than it does.
CREATE FUNCTION release.first_day(label text) RETURNS date
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = release, pg_temp AS $$
DECLARE
    part text := split_part(label, '/', 1);
    fourth date;
BEGIN
    IF part ~ '^\d{4}-\d\d-\d\d$' THEN
        RETURN make_date(left(part, 4)::int, substr(part, 6, 2)::int, right(part, 2)::int);
    ELSIF part ~ '^\d{4}-W\d\d$' THEN
        -- The first week of a year by ISO 8601 is the one with the fourth of January.
        fourth := make_date(left(part, 4)::int, 1, 4);
        RETURN fourth - (extract(isodow FROM fourth)::int - 1) + 7 * (right(part, 2)::int - 1);
    ELSIF part ~ '^\d{4}-\d\d$' THEN
        RETURN make_date(left(part, 4)::int, right(part, 2)::int, 1);
    ELSIF part ~ '^\d{4}$' THEN
        RETURN make_date(part::int, 1, 1);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION release.last_day(label text) RETURNS date
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = release, pg_temp AS $$
DECLARE
    part text := reverse(split_part(reverse(label), '/', 1));
    first date := release.first_day(part);
BEGIN
    RETURN CASE
        WHEN part ~ '^\d{4}$' THEN make_date(part::int, 12, 31)
        WHEN part ~ '^\d{4}-\d\d$' THEN (first + interval '1 month')::date - 1
        WHEN part ~ '^\d{4}-W\d\d$' THEN first + 6
        ELSE first
    END;
END
$$;

-- Beyond the edge of web maps there is nothing to draw, and the projection knows no pole.
CREATE FUNCTION release.on_tiles(area public.geometry) RETURNS public.geometry
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN public.ST_YMin(area) >= -85.06 AND public.ST_YMax(area) <= 85.06 THEN public.ST_Transform(area, 3857)
    END
$$;

-- Whoever serves holds in memory which state each picture is in.
CREATE FUNCTION release.picture_released() RETURNS trigger
    LANGUAGE plpgsql SET search_path = release, pg_temp AS $$
BEGIN
    PERFORM pg_notify('flashpoint_released', NEW.operation);
    RETURN NULL;
END
$$;

CREATE TRIGGER picture_released AFTER INSERT OR UPDATE ON release.picture
    FOR EACH ROW EXECUTE FUNCTION release.picture_released();

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA release FROM PUBLIC;
GRANT EXECUTE ON FUNCTION release.first_day, release.last_day, release.on_tiles TO flashpoint_assessor;
GRANT EXECUTE ON FUNCTION release.on_tiles TO flashpoint_reader;
